// Zip files, in and out. Loaded only when somebody wants one.
import { unzip, zip, type Zippable } from "fflate";
import { decode, toBytes, type Content } from "./content";
import { pathProblem } from "./paths";

const UNPACKED_MAX = 64 * 1024 * 1024;

export interface Unpacked {
  files: [string, Content][];
  skipped: string[]; // names that no file may have
}

/** Rejects with a sentence when it is no zip file, or a bomb. */
export function unpack(bytes: Uint8Array): Promise<Unpacked> {
  let total = 0;
  return new Promise((done, fail) => {
    unzip(
      bytes,
      {
        filter: (file) => {
          total += file.originalSize;
          return !file.name.endsWith("/") && total <= UNPACKED_MAX;
        },
      },
      (error, found) => {
        if (error) return fail(new Error(error.message));
        if (total > UNPACKED_MAX) return fail(new Error(`unpacked it would be over ${UNPACKED_MAX / 1024 / 1024} MB`));
        const result: Unpacked = { files: [], skipped: [] };
        for (const [name, data] of Object.entries(found)) {
          const path = name.replace(/\\/g, "/").replace(/^\.\//, "");
          if (/(^|\/)(__MACOSX|\.DS_Store)(\/|$)/.test(path)) continue;
          if (pathProblem(path)) result.skipped.push(name);
          else result.files.push([path, decode(data)]);
        }
        done(result);
      },
    );
  });
}

export function pack(files: [string, Content][]): Promise<Uint8Array<ArrayBuffer>> {
  const all: Zippable = {};
  for (const [path, content] of files) all[path] = [toBytes(content), { level: 6 }];
  return new Promise((done, fail) => zip(all, (error, data) => (error ? fail(new Error(error.message)) : done(new Uint8Array(data)))));
}
