"""When a laboratory calibrates what is due: feasible plans, their cost, and why each week.

The problem, its cost and its checker (`problem`, `check`); plans by earliest due date and by local
search (`search`), by integer programming (`model`), by all of them (`planner`); why a week was
chosen and why something finds no place (`explanation`, `conflicts`). Weeks are whole numbers and
week 0 is the current one.
"""
