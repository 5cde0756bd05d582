/** The thread of one step on a chain. */
import { assert } from '../base/index.ts';
import { type MaintainTask, runMaintain } from './maintain.ts';
import { serveTask } from './thread.ts';

serveTask<MaintainTask>((task, [observer], options) => {
	assert(observer, 'a step has an observer');
	return runMaintain(task, observer, options);
});
