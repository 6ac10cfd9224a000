// Run by `menagerie build` in the folder where the tools are installed: bundles a project with the SDK, and
// makes a component of it. Everything it needs to know is one JSON document, its argument.
import { writeFile } from "node:fs/promises";
import { build, formatMessages } from "esbuild";

const { project, main, exports, beside, engine, kind, sdk, wit, bundle, output } = JSON.parse(process.argv[2]);
const lines = [
  `import plugin from ${JSON.stringify(main)};`,
  `import { complete, entry } from "menagerie";`,
  `complete(plugin, ${JSON.stringify(beside)});`,
  ...exports.map((name) => `export const ${name} = entry.${name}(plugin);`),
];

let source;
try {
  const bundled = await build({
    stdin: { contents: lines.join("\n"), resolveDir: project, sourcefile: `menagerie ${kind}` },
    alias: { menagerie: `${sdk}/index.js`, "menagerie/http": `${sdk}/http.js`, "menagerie/shared": `${sdk}/shared.js`, "menagerie/artifacts": `${sdk}/artifacts.js`, "menagerie/history": `${sdk}/history.js`, "menagerie/figures": `${sdk}/figures.js` },
    absWorkingDir: project,
    bundle: true,
    charset: "utf8",
    external: ["menagerie:*"],
    format: "esm",
    keepNames: true,
    logLevel: "silent",
    mainFields: ["module", "main"],
    platform: "neutral",
    target: "es2023",
    write: false,
  });
  source = bundled.outputFiles[0].text;
} catch (error) {
  const errors = await formatMessages(error.errors ?? [{ text: String(error) }], { kind: "error" });
  console.error(errors.join(""));
  process.exit(1);
}

// Kept beside the component: the lines of a stack trace are this file's.
await writeFile(bundle, source);
try {
  await writeFile(output, await component());
} catch (error) {
  console.error((error.message ?? String(error)).replace(/^[:\s]+/, ""));
  process.exit(1);
}

async function component() {
  if (engine === "starlingmonkey") {
    const { componentize } = await import("@bytecodealliance/componentize-js");
    // What a plugin may reach outside it has as interfaces of the contract.
    const options = { witPath: wit, worldName: "plugin", disableFeatures: ["http", "fetch-event"] };
    return (await componentize(source, options)).component;
  }
  const { componentize } = await import("componentize-qjs");
  return (await componentize({ witPath: wit, jsSource: source, world: "plugin", sync: true })).component;
}
