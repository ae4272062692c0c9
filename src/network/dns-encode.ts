import packet, { type Answer, type Packet } from 'dns-packet';

/** A pointer to the question's name, which always follows the header (RFC 1035 section 4.1.4). */
const questionName = Buffer.from([0xc0, 12]);
const headerLength = 12;

/**
 * A message in which records of the question's name point to it instead of repeating it: dns-packet compresses nothing, and a
 * headless Service would outgrow UDP with a third of its endpoints.
 */
export function encodeMessage(message: Packet): Buffer {
  const sections = [message.answers ?? [], message.authorities ?? [], message.additionals ?? []];
  const head = packet.encode({ ...message, answers: [], authorities: [], additionals: [] });
  const name = message.questions?.[0]?.name;
  for (const [index, section] of sections.entries()) head.writeUInt16BE(section.length, 6 + 2 * index);
  return Buffer.concat([head, ...sections.flat().map((record) => encodeRecord(record, name))]);
}

function encodeRecord(record: Answer, name: string | undefined): Buffer {
  const bytes = packet.encode({ type: 'response', answers: [record] }).subarray(headerLength);
  return record.name === name
    ? Buffer.concat([questionName, bytes.subarray(Buffer.byteLength(record.name) + 2)])
    : bytes;
}
