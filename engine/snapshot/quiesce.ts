/** How something is brought to rest for its snapshot (QUIESCE-01). */
export type Quiescence = 'online' | 'offline' | 'crash';

export type QuiesceRule = {
	readonly mode: Quiescence;
	/** Never end with less than was asked for (QUIESCE-02). */
	readonly requireConsistent: boolean;
	/** What the thing can do at all: an agent or writers to hold its applications still; a state that can be saved. */
	readonly can: { readonly online: boolean; readonly offline: boolean };
};

/**
 * What to try, one after the other, until one succeeds. Online whenever it is possible; then offline if the job says so; at last crash-consistent, which
 * a job that requires consistency never does. Empty: nothing that the job allows is possible, and it fails.
 */
export function planQuiescence({ mode, requireConsistent, can }: QuiesceRule): readonly Quiescence[] {
	if (mode === 'crash') return requireConsistent ? [] : ['crash'];
	const steps: Quiescence[] = can.online ? ['online'] : [];
	if (mode === 'offline' && can.offline) steps.push('offline');
	if (!requireConsistent) steps.push('crash');
	return steps;
}
