/** Holdfast's own copy-on-write snapshots, of raw images and block devices that are written through its NBD export. */
export { CowProvider } from './cow-provider.ts';
export type { DeviceState, DeviceToServe } from './protocol.ts';
export { ServedDevices } from './served-devices.ts';
