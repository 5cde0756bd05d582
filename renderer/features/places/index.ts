/**
 * Choosing a folder or a device of the server's own machine. Reads one level at a time; changes nothing.
 */
export { PlacePicker, type PlacePickerProps } from './place-picker.tsx';
