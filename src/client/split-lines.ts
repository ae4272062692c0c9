const newline = 10;

/**
 * The complete lines of each chunk, decoded, without their newline; a line may span chunks. Chunks are searched as
 * bytes, so that a multi-byte character cut in two is never decoded in halves.
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string[]> {
  let rest: Buffer[] = [];
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const lines: string[] = [];
    let start = 0;
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      const line =
        rest.length === 0
          ? bytes.toString('utf8', start, end)
          : Buffer.concat([...rest, bytes.subarray(start, end)]).toString('utf8');
      rest = [];
      start = end + 1;
      if (line.length > 0) lines.push(line);
    }
    if (start < bytes.length) rest.push(bytes.subarray(start));
    if (lines.length > 0) yield lines;
  }
  if (rest.length > 0) yield [Buffer.concat(rest).toString('utf8')];
}
