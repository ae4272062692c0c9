import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeWorld } from '../model/testing.ts';
import type { Box } from './box.ts';
import { fit, flight, pan, toWorld, zoomAt } from './camera.ts';
import { controlPlaneBoxes } from './control-plane-boxes.ts';
import { boxesAt, cellPlace, layOut, threadAt } from './layout.ts';
import { detailOf, hasFloatingTitle, threadDetail, titleSize } from './level-of-detail.ts';
import { hitAt, indexBoxes, neighbour, placeOf } from './pick.ts';
import { workloadBoxes } from './workload-boxes.ts';

const everything = { namespace: '', onlyTrouble: false, showHost: true };
const world = makeWorld(12, 27);
const root = workloadBoxes(world, everything);
layOut(root, 1.5);
const boxes = indexBoxes(root);
const screen = { width: 900, height: 600 };

test('every box lies within its parent and overlaps no sibling', () => {
  const visit = (box: Box) => {
    for (const [i, child] of box.children.entries()) {
      assert.ok(
        child.x >= box.x && child.x + child.width <= box.x + box.width + 1e-6,
        `${child.id} sticks out of ${box.id}`,
      );
      assert.ok(child.y >= box.y + box.header && child.y + child.height <= box.y + box.height + 1e-6, child.id);
      for (const other of box.children.slice(i + 1)) {
        const apart =
          child.x + child.width <= other.x ||
          other.x + other.width <= child.x ||
          child.y + child.height <= other.y ||
          other.y + other.height <= child.y;
        assert.ok(apart, `${child.id} overlaps ${other.id}`);
      }
      visit(child);
    }
  };
  visit(root);
});

test('equal Pods are of equal size, and the whole has about the shape of the screen', () => {
  const sizes = new Set(
    [...boxes.values()].filter(({ kind }) => kind === 'pod').map(({ width, height }) => `${width}×${height}`),
  );
  assert.equal(sizes.size, 1);
  const aspect = root.width / root.height;
  assert.ok(aspect > 0.8 && aspect < 2.6, `${aspect}`);
});

test('the storeys are Service, Deployment, ReplicaSet, Pod, container, process', () => {
  const process = boxes.get('p1000.5')!;
  const path = boxesAt(root, process.x + 1, process.y + 1).map(({ id }) => id);
  assert.deepEqual(path, ['root:workloads', 'namespace:default', 'svc', 'deploy', 'rs', 'pod-0', 'c-0', 'p1000.5']);
});

test('each thread is found where its cell is', () => {
  const box = boxes.get('p1000.5')!;
  for (let i = 0; i < 27; i++) {
    const { x, y } = cellPlace(box, i);
    assert.equal(threadAt(box, x + 5, y + 5), i);
  }
  assert.equal(threadAt(box, box.x + 1, box.y + 1), undefined);
});

test('the control plane shows each Pod on its node with its monitor, and the container without processes', () => {
  const plane = controlPlaneBoxes(world, everything);
  const pod = indexBoxes(plane).get('pod-3')!;
  assert.deepEqual(
    pod.children.map(({ id, children }) => [id, children.length]),
    [
      ['c-3', 0],
      ['p3999.5', 0],
    ],
  );
});

test('only what is large enough can be hit: far away a Pod, near a thread', () => {
  const place = placeOf(boxes, world, 't1004.5')!;
  const middle = (scale: number) => ({ scale, x: place.x + 5 - 450 / scale, y: place.y + 5 - 300 / scale });
  assert.equal(hitAt(root, middle(0.045), { x: 450, y: 300 }, true), 'pod-0');
  assert.equal(hitAt(root, middle(0.2), { x: 450, y: 300 }, true), 'p1000.5');
  assert.equal(hitAt(root, middle(2), { x: 450, y: 300 }, true), 't1004.5');
});

test('keys go to neighbours, outwards and inwards down to a thread', () => {
  const go = (from: string, key: string) => neighbour(root, boxes, world, from, key);
  assert.equal(go('pod-0', 'ArrowRight'), 'pod-1');
  assert.equal(go('pod-0', 'ArrowUp'), 'rs');
  assert.equal(go('pod-0', 'ArrowDown'), 'c-0');
  assert.equal(go('p1000.5', 'ArrowDown'), 't1000.5');
  assert.equal(go('t1000.5', 'ArrowRight'), 't1001.5');
});

const details: [scale: number, box: string, thread: string][] = [
  [0.005, 'nothing', 'merged'],
  [0.05, 'spot', 'merged'],
  [0.3, 'inside', 'cell'],
  [4, 'inside', 'number'],
  [10, 'inside', 'facts'],
];

test('detail grows with the zoom', () => {
  const pod = { ...boxes.get('pod-0')!, width: 100, height: 100 };
  for (const [scale, box, thread] of details) {
    assert.equal(detailOf(pod, scale), box);
    assert.equal(threadDetail(scale * 10), thread);
  }
  assert.equal(titleSize(20, 0.4), undefined);
  assert.equal(hasFloatingTitle({ ...pod, width: 400, height: 400, header: 20 }, 0.4, true), true);
});

test('zooming keeps the point under the pointer, panning moves by pixels', () => {
  const camera = { x: 10, y: 20, scale: 2 };
  const point = { x: 120, y: 80 };
  const zoomed = zoomAt(camera, point, 3);
  assert.deepEqual(toWorld(zoomed, point), toWorld(camera, point));
  assert.deepEqual(pan(camera, 10, -4), { x: 5, y: 22, scale: 2 });
});

test('a flight begins here, ends there and rises in between', () => {
  const from = fit({ x: 0, y: 0, width: 100, height: 80 }, screen);
  const to = fit({ x: 4000, y: 3000, width: 60, height: 40 }, screen);
  const { at } = flight(from, to, screen);
  assert.ok(Math.abs(at(0).x - from.x) < 1e-6 && Math.abs(at(0).scale - from.scale) < 1e-9);
  assert.deepEqual(at(1), to);
  assert.ok(at(0.5).scale < Math.min(from.scale, to.scale));
});
