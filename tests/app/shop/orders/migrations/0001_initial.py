from django.db import migrations, models


def first_orders(apps, schema_editor):
    """The rows of release 0, in its spelling."""
    order = apps.get_model("orders", "Order")
    for customer, total, state in [("ada", 1200, "payed"), ("bob", 300, "open"), ("cleo", 4550, "payed"), ("dan", 80, "paid")]:
        order.objects.create(customer=customer, total_cents=total, state=state)


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("customer", models.CharField(max_length=100)),
                ("total_cents", models.IntegerField()),
                ("state", models.CharField(max_length=20)),
            ],
        ),
        migrations.RunPython(first_orders, migrations.RunPython.noop),
    ]
