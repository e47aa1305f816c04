// Serves folders to the browser on this machine, with the headers that WebAssembly threads need.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = { ".html": "text/html", ".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };
const HEADERS = { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" };

/** Serves `{"/prefix/": folder}`, and an empty page at `/`. Gives the address and what closes it. */
export async function serve(folders) {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
    const prefix = Object.keys(folders).find((start) => path.startsWith(start));
    try {
      const body = prefix ? await readFile(join(folders[prefix], path.slice(prefix.length))) : "<!doctype html><title>cases</title>";
      const type = prefix ? (TYPES[extname(path)] ?? "application/octet-stream") : "text/html";
      response.writeHead(200, { ...HEADERS, "Content-Type": type }).end(body);
    } catch {
      response.writeHead(404, HEADERS).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://localhost:${server.address().port}`, close: () => server.close() };
}
