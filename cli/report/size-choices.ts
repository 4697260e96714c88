// How much the stores are asked for sizes. Apart from what asks them: command lines are read before that is loaded.

/** `none`: no store is asked. `fast`: all but what takes time in proportion to all data. `all`: Redis' keys are walked, too. */
export const sizeChoices = ["none", "fast", "all"] as const;
export type SizeChoice = (typeof sizeChoices)[number];
