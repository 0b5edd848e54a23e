// Compiles WGSL with Dawn: node compile.mjs FOLDER_OF_THE_PACKAGE_WEBGPU LIST.json, where the list is [[name, wgsl], …].
// Prints every diagnostic, warnings too; fails where a shader has an error or makes no pipeline.
//
// On Dawn's null backend, which has no driver: what differs from naga is the front end, and under node Dawn hangs or crashes
// now and then on Mesa and SwiftShader alike.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, list] = process.argv.slice(2);
const { create, globals } = await import(pathToFileURL(join(resolve(folder), 'index.js')));
Object.assign(globalThis, globals);

const gpu = create(['backend=null']); // kept in a variable: what it made dies with it
const adapter = await gpu.requestAdapter();
if (!adapter) throw new Error('Dawn finds no adapter');
const requiredFeatures = ['subgroups', 'shader-f16'].filter((feature) => adapter.features.has(feature));
// All that the adapter has: a variant for large devices must compile too.
const requiredLimits = {};
for (const name of [
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupStorageSize',
]) {
  requiredLimits[name] = adapter.limits[name];
}
const device = await adapter.requestDevice({ requiredFeatures, requiredLimits });

const texts = JSON.parse(readFileSync(list, 'utf8'));
let failed = 0;
let warned = 0;
for (const [name, code] of texts) {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  const lines = messages.map((m) => `  ${m.type} ${m.lineNum}:${m.linePos} ${m.message}`);
  const refused = messages.some((m) => m.type === 'error');
  if (!refused) device.createComputePipeline({ layout: 'auto', compute: { module } });
  const error = await device.popErrorScope();
  if (error && !refused) lines.push(`  ${error.message}`);
  failed += refused || error ? 1 : 0;
  warned += lines.length && !refused && !error ? 1 : 0;
  if (lines.length) console.log(`${name}\n${lines.join('\n')}`);
}
console.log(`${texts.length - failed} of ${texts.length} compile, ${warned} with warnings`);
process.exit(failed ? 1 : 0);
