import { defineBatch } from 'treadle/task';
import { type Parcel, handle } from './parcel.js';

/** Parcels a chunk at a time. */
export default defineBatch({ run: (parcels: readonly Parcel[]) => parcels.map(handle) });
