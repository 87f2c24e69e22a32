/** The server, as the steps of this engine know it. */
export type { Server } from '#agent/engines/mysql-family/server.js';
