/** For tests only: a data mover as a process of its own, paired with a backup server. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Place, Started } from './program.ts';

export type StartedMover = Started & { readonly address: string };

export async function startMover(
	place: Pick<Place, 'root' | 'start'>,
	name: string,
	{ listen = '127.0.0.1:0', pair }: { readonly listen?: string; readonly pair?: string } = {},
): Promise<StartedMover> {
	const mover = place.start('--data', join(place.root, name), 'mover', 'start', '--listen', listen, ...(pair === undefined ? [] : ['--pair', pair]));
	const [, address = ''] = await Promise.race([
		mover.stdout.hear(/listens on (\S+)/),
		mover.ended.then(({ stderr }): never => assert.fail(`the data mover did not start: ${stderr}`)),
	]);
	return { ...mover, address };
}

/** The machine Vault with the role repository. */
export async function addVault(server: Pick<Place, 'run' | 'json'>, far: Pick<Place, 'root' | 'start'>, listen?: string): Promise<StartedMover> {
	const { token } = (await server.json('machine', 'token')).document;
	const mover = await startMover(far, 'vault', { pair: token, ...(listen !== undefined && { listen }) });
	const { code, stderr } = await server.run('machine', 'add', 'Vault', '--address', mover.address, '--token', token, '--role', 'repository');
	assert.equal(code, 0, stderr);
	return mover;
}
