/**
 * What there is to protect: volumes, devices, virtual machines and their hosts, and which job protects it. Other pages link to it by
 * `inventoryPlace`.
 */
export { inventoryPlace, tabIds, tabTitles } from './inventory-places.ts';
export { capacityOf, instantWords, machineStates, providerTitle } from './inventory-words.ts';
export { type MachineRow, useMachines } from './use-machines.ts';
