import { defineBatch } from 'treadle/task';
import { type Parcel, handle } from './parcel.js';

/** Parcels one at a time; the result is all that came through, in order. */
export default defineBatch({
  each: (parcel: Parcel) => handle(parcel),
  finish: (parts: unknown[][]) => parts.flat(),
});
