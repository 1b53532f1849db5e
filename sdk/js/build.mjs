// What `groundcrew build` runs: node build.mjs bundle SOURCE OUT, then node build.mjs componentize OUT WIT WORLD WASM.
// The tools are the project's own: they are looked for in the folders above this file.

import { writeFile } from "node:fs/promises";

const [step, ...given] = process.argv.slice(2);

async function bundle(source, out) {
  const { build, formatMessages } = await import("esbuild");
  try {
    const { metafile } = await build({
      entryPoints: [source],
      outfile: out,
      bundle: true,
      format: "esm",
      target: "es2023",
      external: ["groundcrew:*", "wasi:*"],
      metafile: true,
      logLevel: "silent",
    });
    const [made] = Object.values(metafile.outputs);
    console.log(JSON.stringify(made.exports));
  } catch (error) {
    if (!error.errors) throw error;
    const told = await formatMessages(error.errors, { kind: "error", color: false });
    console.error(told.join("").trim());
    process.exit(1);
  }
}

async function componentize(source, wit, world, out) {
  const { componentize } = await import("@bytecodealliance/componentize-js");
  // Ahead-of-time compilation stays off: what it makes is larger, and differs from what was tested.
  const made = await componentize({
    sourcePath: source,
    witPath: wit,
    worldName: world,
    disableFeatures: ["fetch-event"],
  }).catch((error) => {
    console.error(String(error?.message ?? error));
    process.exit(1);
  });
  await writeFile(out, made.component);
}

await { bundle, componentize }[step](...given);
