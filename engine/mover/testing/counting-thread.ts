/** For tests only: a task thread whose tasks come to how many it has begun. */
import { once } from 'node:events';
import { EngineError } from '../../base/index.ts';
import { serveTask } from '../thread.ts';

let count = 0;
/** What tasks have not ended before they were done. */
const leftovers: (() => void)[] = [];

serveTask<{ readonly does: 'count' | 'leave something' | 'fail' | 'wait' }>(async ({ does }, [observer], { signal }) => {
	const number = ++count;
	for (const goOn of leftovers) goOn();
	observer?.info(`task ${number}`);
	if (does === 'fail') throw new EngineError('source.missing', 'There is nothing.');
	if (does === 'wait') {
		await once(signal, 'abort');
		signal.throwIfAborted();
	}
	if (does === 'leave something') leftovers.push(() => observer?.info(`still task ${number}`));
	return number;
});
