import { defineBatch } from 'treadle/task';
import { type Parcel, handle } from './parcel.js';

/** Parcels one at a time. */
export default defineBatch({ each: (parcel: Parcel) => handle(parcel) });
