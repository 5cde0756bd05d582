/**
 * `node .ci/launch.js SCRIPT …`: works in a fresh clone under any Node from 20 on. Installs what is missing, then runs the
 * script under the project's Node, with the tools of the project first on the PATH.
 */
import { delimiter, join } from 'node:path';
import { ensureInstalled, runProjectNode } from '../engine/cli/ensure-installed.js';

const root = join(import.meta.dirname, '..');
ensureInstalled(root, { development: true });
process.exitCode = await runProjectNode(root, process.argv.slice(2), {
	env: { ...process.env, PATH: [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter) },
});
