"""From description to steps: the Plan is the narrow waist of the library."""

from chainrule.plan.layout import Layout, Slot
from chainrule.plan.plan import GROUPS, Group, Plan, make_plan
from chainrule.plan.table import Cost, PlanCost, plan_cost, plan_table

__all__ = [
    "GROUPS",
    "Cost",
    "Group",
    "Layout",
    "Plan",
    "PlanCost",
    "Slot",
    "make_plan",
    "plan_cost",
    "plan_table",
]
