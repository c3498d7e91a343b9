"""Release 0 wrote "payed"; says how many orders it changed."""
import os
import sys

import django

sys.path.insert(0, os.getcwd())
django.setup()
from orders.models import Order  # noqa: E402

changed = Order.objects.filter(state="payed").update(state="paid", note="fixed")
print(f"{changed} orders fixed")
