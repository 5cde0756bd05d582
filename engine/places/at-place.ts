import { EngineError } from '../base/index.ts';
import { isRemotePlace, loadWire } from '../mover/index.ts';
import type { RepositoryPlace } from '../repository/index.ts';
import type { Place } from './places.ts';

/** For what reads and writes little: through the storage port, wherever it leads. `connection.*`, `auth.*` */
export async function atPlace<Result>(place: Place, work: (place: RepositoryPlace) => Promise<Result>, signal?: AbortSignal): Promise<Result> {
	if (!isRemotePlace(place)) return await work(place);
	const { RemoteRepository } = await loadWire();
	await using repository = await RemoteRepository.reach({ ...place, connectionCount: 1 }, { signal });
	return await work(repository.vault);
}

/** Who asks wants to know soon: a machine that does not answer by then is taken for one that does not. @throws `connection.lost` */
export async function patiently<Result>(
	{ patienceMs, who, signal }: { readonly patienceMs: number; readonly who: string; readonly signal?: AbortSignal | undefined },
	work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
	const limit = new AbortController();
	const timer = setTimeout(() => limit.abort(new EngineError('connection.lost', `${who} does not answer.`)), patienceMs).unref();
	try {
		return await work(signal ? AbortSignal.any([signal, limit.signal]) : limit.signal);
	} finally {
		clearTimeout(timer);
	}
}
