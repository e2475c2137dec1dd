// Piscina require()s what it loads, and a thread that is ended while it require()s an ES module aborts the process:
// "v8::Module::IsGraphAsync must be used on an instantiated module". So what it requires is this.
module.exports = { __esModule: true, default: import('./worker.js').then(({ default: runChunk }) => runChunk) };
