/** Fails to load. */
throw new Error('this module never loads');
