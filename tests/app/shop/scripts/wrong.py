"""A mistake, as they happen: says so on stderr and ends with 3."""
import os
import sys

import django

sys.path.insert(0, os.getcwd())
django.setup()
from orders.models import Order  # noqa: E402

print(f"{Order.objects.count()} orders before")
print("wrong.py: no order 4711, nothing changed", file=sys.stderr)
sys.exit(3)
