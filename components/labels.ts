// Labels of tenants: what may stand in them.

/** Labels of a tenant, such as {plan: gold, region: eu}. They are shown to everybody who may list tenants. */
export type Labels = Readonly<Record<string, string>>;

/** Short, and nothing that a selection or a shell would read otherwise. */
export const labelKey = /^[a-z][a-z0-9._-]{0,39}$/;
export const labelValue = /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/;

/** How many a tenant may have. */
export const mostLabels = 16;
