import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import { issue } from '../../apiserver/pki/certificate.ts';
import { at, startMs } from '../testing.ts';
import { endOf } from './cleaning.ts';

const seconds = (time: number) => (time - startMs) / 1000;
const condition = (type: string) => ({ type, status: 'True', lastUpdateTime: at(60), lastTransitionTime: at(60) });
const request = (status?: object) =>
  ({ metadata: { name: 'x', creationTimestamp: at(0) }, spec: {}, status }) as unknown as CertificateSigningRequest;
const certificate = (notAfter: number) => {
  const made = issue({ commonName: 'x', usage: 'client', notBefore: startMs, notAfter });
  return Buffer.from(made.certificate).toString('base64');
};

describe('A certificate request is of use', () => {
  const rows: [string, object | undefined, number][] = [
    ['for a day while nobody decides', undefined, 86_400],
    ['for good while its signer is awaited', { conditions: [condition('Approved')] }, Infinity],
    ['for an hour once denied', { conditions: [condition('Denied')] }, 3660],
    ['for an hour once failed', { conditions: [condition('Approved'), condition('Failed')] }, 3660],
    [
      'for an hour once issued',
      { conditions: [condition('Approved')], certificate: certificate(startMs + 86_400_000) },
      3660,
    ],
    [
      'until its certificate expires',
      { conditions: [condition('Approved')], certificate: certificate(startMs + 600_000) },
      600,
    ],
    ['for an hour whatever was issued', { conditions: [condition('Approved')], certificate: 'bm9uZQ==' }, 3660],
  ];
  for (const [what, status, end] of rows) it(what, () => assert.equal(seconds(endOf(request(status))), end));
});
