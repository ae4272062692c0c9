/** A seat of a list stands for so many objects (apiserver pkg/util/flowcontrol/request objectsPerSeat). */
const objectsPerSeat = 100;
/** However long a list is, it must come to run beside others. */
const mostSeats = 10;

/** How much of the server a list takes, by how many objects it has to look at. */
export function listSeats(objects: number, limit: number): number {
  const looked = limit > 0 ? Math.min(limit, objects) : objects;
  return Math.min(mostSeats, Math.max(1, Math.ceil(looked / objectsPerSeat)));
}
