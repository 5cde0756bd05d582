import { EngineError } from '../base/index.ts';
import type { DiskTarget } from '../block/index.ts';
import type { ErrorShape } from '../contract/index.ts';
import type { DiskContent, DiskPiece } from './disk-content.ts';
import type { RestoreProgress } from './progress.ts';
import type { RestoreAnswer } from './protocol.ts';
import type { RestorePool } from './restore-pool.ts';

const requestBytes = 4 * 1024 * 1024;

const failureOf = (shape: ErrorShape): EngineError =>
	shape.code === 'repository.damaged'
		? new EngineError(shape.code, shape.message, { hint: 'Restore from another point; run a check of the chain.', data: shape.data })
		: EngineError.from(shape);

/** What a pool that writes disks is to do with answers. */
export function countBlocks({ counters }: RestoreProgress, answer: RestoreAnswer): void {
	if (answer.type !== 'blocks') return;
	if (answer.failure) throw failureOf(answer.failure);
	counters.doneBytes += answer.writtenBytes;
	counters.storedBytes += answer.writtenBytes;
	counters.transferredBytes += answer.writtenBytes;
	counters.readBytes += answer.readBytes;
}

/** Returns when all is written. @throws `restore.target`, `repository.*`, the signal's reason; then workers may still write until the pool is disposed */
export async function writeDisk(content: DiskContent, target: DiskTarget, pool: RestorePool, progress: RestoreProgress, signal: AbortSignal): Promise<void> {
	let waiting: (DiskPiece & { readonly hash: Uint8Array })[] = [];
	let waitingBytes = 0;
	const give = async (): Promise<void> => {
		if (waiting.length === 0) return;
		const request = {
			target: target.handle,
			offsets: Float64Array.from(waiting, ({ offsetBytes }) => offsetBytes),
			lengths: Float64Array.from(waiting, ({ lengthBytes }) => lengthBytes),
			hashes: Buffer.concat(waiting.map(({ hash }) => hash)),
		};
		const givenBytes = waitingBytes;
		[waiting, waitingBytes] = [[], 0];
		await pool.give({ type: 'blocks', ...request }, signal);
		await target.written(givenBytes); // or is being written
	};
	for await (const pieces of content.pieces()) {
		for (const { offsetBytes, lengthBytes, hash } of pieces) {
			if (hash === null) {
				target.writeZeros(offsetBytes, lengthBytes);
				progress.counters.doneBytes += lengthBytes;
				continue;
			}
			if (waitingBytes > 0 && waitingBytes + lengthBytes > requestBytes) await give();
			waiting.push({ offsetBytes, lengthBytes, hash });
			waitingBytes += lengthBytes;
		}
		signal.throwIfAborted();
		progress.report();
	}
	await give();
	await pool.drain(signal);
}
