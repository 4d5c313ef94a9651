// Builds what is committed in app/web/static/vendor/studio. `node build.js [folder]` writes elsewhere, for the comparison.
import { readFile, mkdir, writeFile, copyFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] || join(here, "../../web/static/vendor/studio");

// The icons come in one file, which our assets serve under a hash; the package's sheet names five formats.
const FONT = "node_modules/bpmn-js/dist/assets/bpmn-font/font/bpmn.woff2";
const icons = {
  name: "icons",
  setup: ({ onLoad }) => onLoad({ filter: /bpmn-font[\\/]css[\\/]bpmn\.css$/ }, async ({ path }) => ({
    loader: "css",
    contents: (await readFile(path, "utf8")).replace(/@font-face\s*{[^}]*}/, '@font-face { font-family: "bpmn"; src: url("static:vendor/studio/bpmn.woff2") format("woff2"); }'),
  })),
};

// An XML name may hold letters with accents (« lane_Système »); moddle-xml takes such an id for an error and drops the element.
const NAMES = ["/^([a-z][\\w-.]*:)?[a-z_][\\w-.]*$/i", "/^([\\p{L}_][\\p{L}\\p{N}_.-]*:)?[\\p{L}_][\\p{L}\\p{N}_.-]*$/u"];
const names = {
  name: "names",
  setup: ({ onLoad }) => onLoad({ filter: /moddle-xml[\\/]dist[\\/]index\.js$/ }, async ({ path }) => {
    const code = await readFile(path, "utf8");
    if (!code.includes(NAMES[0])) throw new Error("moddle-xml checks ids in another way: see whether ids with accents are kept");
    return { contents: code.replace(NAMES[0], NAMES[1]) };
  }),
};

const result = await build({
  absWorkingDir: here,
  entryPoints: ["src/studio.js", "src/viewer.js", "src/dmn.js", "src/studio.css", "src/dmn.css"],
  outdir: out,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022", "chrome109", "firefox115", "safari16.4"],
  charset: "utf8",
  legalComments: "none", // the licences go together into LICENSES.txt
  metafile: true,
  external: ["static:*"],
  plugins: [icons, names],
  logLevel: "warning",
});

// Every package that has a byte in a bundle: its name, version and whole licence.
const packages = new Map();
for (const input of Object.keys(result.metafile.inputs)) {
  const found = /^(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(input);
  if (found) packages.set(found[2], join(here, found[1]));
}
const chapters = [];
for (const [name, folder] of [...packages].sort(([one], [other]) => (one < other ? -1 : 1))) {
  const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  let text = "";
  for (const file of ["LICENSE", "LICENSE.md", "LICENSE.txt", "LICENCE", "license"]) text ||= await readFile(join(folder, file), "utf8").catch(() => "");
  if (!text) text = `This package states its licence as ${license} and carries no licence file.`;
  chapters.push(`${name} ${version} (${typeof license === "string" ? license : "see below"})\n\n${text.trim()}\n`);
}
// The icons travel inside bpmn-js, without their own licence: it is the one of their repository.
chapters.push(`bpmn-font (OFL-1.1): bpmn.woff2\n\n${(await readFile(join(here, "bpmn-font.LICENSE"), "utf8")).trim()}\n`);
await mkdir(out, { recursive: true });
const head = "What others wrote in the files of this folder, each with its licence. Built by app/studio/editor/build.js.\n";
await writeFile(join(out, "LICENSES.txt"), [head, ...chapters].join(`\n${"-".repeat(100)}\n\n`).replaceAll("\r\n", "\n"));
await copyFile(join(here, FONT), join(out, "bpmn.woff2"));
for (const [file, { bytes }] of Object.entries(result.metafile.outputs)) console.log(`${relative(here, file)} ${Math.round(bytes / 1024)} kB`);
