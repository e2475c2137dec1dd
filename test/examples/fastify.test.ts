import { memoryServerTests } from './memory-server-tests.js';

memoryServerTests('examples/fastify/server.js');
