/** A process worker that is slow itself. */
import { Packer } from '../../format/index.ts';
import { dawdle } from './slow.ts';

const { put } = Packer.prototype;
Packer.prototype.put = function (this: Packer, chunk, isNew) {
	dawdle();
	return put.call(this, chunk, isNew);
};
await import('../process-worker.ts');
