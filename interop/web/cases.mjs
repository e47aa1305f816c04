// What Node and the browser do with a case of `make interop`: runs a model and compares its logits.

const TYPES = { float32: Float32Array, uint8: Uint8Array };

/**
 * The largest difference of a logit for each input of a case, or why there is none. `read` gives the bytes of a file beside
 * cases.json as an ArrayBuffer.
 */
export async function runCase(ort, described, provider, read) {
  let session;
  try {
    session = await ort.InferenceSession.create(new Uint8Array(await read(described.file)), { executionProviders: [provider] });
    const largest = [];
    for (const [i, { file, dtype, shape }] of described.inputs.entries()) {
      const input = new ort.Tensor(dtype, new TYPES[dtype](await read(file)), shape);
      const { logits } = await session.run({ input }, ["logits"]);
      const expected = described.outputs[i];
      if (String(logits.dims) !== String(expected.shape)) {
        return { error: `logits [${logits.dims}], expected [${expected.shape}]` };
      }
      const answers = new Float32Array(await read(expected.file));
      const difference = answers.reduce((most, value, j) => Math.max(most, Math.abs(logits.data[j] - value)), 0);
      // JSON has no infinity.
      largest.push(Number.isFinite(difference) ? difference : Number.MAX_VALUE);
    }
    return { largest };
  } catch (error) {
    return { error: String(error?.message ?? error).split("\n")[0] };
  } finally {
    await session?.release();
  }
}
