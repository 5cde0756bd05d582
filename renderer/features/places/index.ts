/**
 * Choosing a machine, and a folder or a device of it. Reads one level at a time; changes nothing.
 */
export { MachineSelect, type MachineSelectProps } from './machine-select.tsx';
export { PlacePicker, type PlacePickerProps } from './place-picker.tsx';
