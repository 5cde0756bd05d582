/** The test's hand in the main process: the same `evaluate` as Playwright offers for real Electron, over Node's channel to the parent. */
export type Question = { readonly id: number; readonly source: string; readonly argument: unknown };
export type Outcome = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string });

export function obeyTest(electron: () => Promise<unknown>): void {
	process.on('message', async ({ id, source, argument }: Question) => {
		const answer = (outcome: { value: unknown } | { error: string }): void => void process.send?.({ id, ...outcome } satisfies Outcome);
		try {
			const run = new Function(`return (${source})`)() as (electron: unknown, argument: unknown) => unknown;
			answer({ value: (await run(await electron(), argument)) ?? null });
		} catch (error) {
			answer({ error: String(error) });
		}
	});
	// Only the desktop itself keeps the process alive.
	process.channel?.unref();
}
