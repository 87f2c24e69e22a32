import { KIT_NAMES, KITS, type EngineKit } from '#test/cluster/engines.js';
import { describeClients } from '#test/integration/clients.js';

const isHere = ({ isLaidOut = false }: EngineKit): boolean => !isLaidOut;

for (const name of KIT_NAMES.filter((each) => isHere(KITS[each]))) describeClients(name);
