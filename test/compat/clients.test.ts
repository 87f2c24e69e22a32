import { describeClients } from '#test/integration/clients.js';

describeClients('mysql');
