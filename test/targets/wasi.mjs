// node wasi.mjs remote.o model.o: links the two into a WASI command and runs it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WASI } from 'node:wasi';

const libraries = '/usr/lib/wasm32-wasi';
const builtins = '/usr/lib/llvm-22/lib/clang/22/lib/wasi/libclang_rt.builtins-wasm32.a';
const [remote, model] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'onnxc-wasi-'));
const program = join(folder, 'program.wasm');
const link = spawnSync('wasm-ld-22', [
  join(libraries, 'crt1-command.o'), remote, model, join(libraries, 'libc.a'), builtins,
  '-o', program, '-z', 'stack-size=8388608', '--stack-first',
], { stdio: ['ignore', 2, 2] });
if (link.status !== 0) {
  rmSync(folder, { recursive: true });
  process.exit(2);
}
const bytes = readFileSync(program);
rmSync(folder, { recursive: true });
const wasi = new WASI({ version: 'preview1', args: ['remote'], returnOnExit: true });
const instance = await WebAssembly.instantiate(await WebAssembly.compile(bytes), wasi.getImportObject());
process.exitCode = wasi.start(instance);
