import type { RestorePlan } from '../../contract/index.ts';
import type { FoundPoint, Storage } from '../../repository/index.ts';
import type { TaskObserver } from '../task.ts';
import { noShares, type TaskShares } from '../throttle/index.ts';
import type { Answerer } from './calls.ts';
import { type GivenBack, giveBackOutcome, type giveBackWords } from './give-back-words.ts';
import { defaultConnections } from './greeting.ts';
import { keepPace } from './pace.ts';
import type { RemotePlace, SourceMachine } from './place.ts';
import { grantTo, reachMachine } from './reach-machine.ts';
import type { ReachOptions } from './remote-repository.ts';
import { relayTo } from './remote-work.ts';
import { isStorageMethod, StorageService } from './storage-service.ts';
import { misunderstood } from './target-service.ts';
import { heard, sayChainKeys, workNews } from './words.ts';

export type GiveBack = {
	/** Where it is written. */
	readonly machine: SourceMachine;
	readonly found: FoundPoint;
	/** Where the backup files are: a storage of this machine, or what a data mover holds. */
	readonly from: Storage | RemotePlace;
	readonly what: GivenBack;
	/** What it may move; absent: as much as it can. */
	readonly shares?: TaskShares | undefined;
};

/**
 * Has the data mover of another machine write there what a restore point holds. Payload goes to it from where the backup files are: from a folder of that
 * machine, from a third one, or from here; it is verified where it is written. The machine can read the files of the point and nothing else.
 * @returns of `plan`, what would be done
 * @throws what the restore throws there, `connection.*`, `auth.*`, the signal's reason
 */
export async function giveBack(
	{ machine, found, from, what, shares = noShares }: GiveBack,
	observer: TaskObserver,
	{ signal, ...reach }: ReachOptions & { readonly signal: AbortSignal },
): Promise<RestorePlan | null> {
	await using stack = new AsyncDisposableStack();
	let said: typeof giveBackWords._zod.input.from;
	let service: StorageService | null = null;
	if (!('mover' in from)) {
		service = new StorageService(from, new Set(found.files));
		said = { kind: 'asker', place: from.properties.place };
	} else if (from.mover.peerId === machine.mover.peerId) {
		said = { kind: 'own', path: from.path, ...(from.identity !== undefined && { identity: from.identity }) };
	} else {
		// the way there is not the way that a test knows to the machine
		const grant = stack.use(await grantTo(machine, from, { kind: 'read', files: [...found.files] }, { clock: reach.clock, signal }));
		said = { kind: 'other', ...grant.said };
	}
	const answer: Answerer = async (method, words) => {
		if (service === null || !isStorageMethod(method)) throw misunderstood('something that it is not to ask');
		return service.answer(method, words);
	};
	const connectionCount = service === null ? 1 : (machine.connectionCount ?? defaultConnections);
	const { calls, session } = await reachMachine(machine, { ...reach, signal, connectionCount, answer });
	stack.defer(async () => {
		session.end();
		await service?.end();
	});
	stack.use(await keepPace(calls, shares));
	const { point, files, keys } = found;
	const words: typeof giveBackWords._zod.input = {
		clientId: machine.clientId,
		from: said,
		found: { point, files: [...files], keys: keys && sayChainKeys(keys) },
		what,
	};
	const { json } = await calls.ask('giveBack', { json: words }, { signal, onNews: (news) => relayTo(observer, heard(workNews, news)) });
	return heard(giveBackOutcome, json).plan;
}
