/** What the commands ask of controllers. The documents come as JSON texts; whoever shows them reads them. */
import { callOperator } from '#cli/operator-client.js';

/** Each asks the controllers at these addresses in turn, and throws TanistError when none answers or when one refuses. */
export interface Operator {
  /** A StatusDocument. `cluster` undefined means all. */
  status(controllers: readonly string[], cluster: string | undefined): Promise<string>;
  /** LedgerEntries, newest first. */
  history(controllers: readonly string[], cluster: string, limit: number): Promise<readonly string[]>;
  /** An OperatorCommand; an OperatorAnswer, which may take as long as `answerWithinMs`. */
  operate(
    controllers: readonly string[],
    cluster: string,
    commandJson: string,
    answerWithinMs: number,
  ): Promise<string>;
}

export const operator: Operator = {
  status: (controllers, cluster) => callOperator(controllers, 'status', { cluster }),
  history: (controllers, cluster, limit) => callOperator(controllers, 'history', { cluster, limit }),
  operate: (controllers, cluster, commandJson, answerWithinMs) =>
    callOperator(controllers, 'operate', { cluster, commandJson }, { answerWithinMs }),
};
