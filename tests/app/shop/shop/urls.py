import socket

from django.http import HttpResponse
from django.urls import path

from orders.models import Order


def health(request):
    return HttpResponse("ok\n")


def whoami(request):
    return HttpResponse(socket.gethostname() + "\n")


def orders(request):
    return HttpResponse("".join(f"{o.id} {o.customer} {o.state}\n" for o in Order.objects.order_by("id")))


urlpatterns = [path("health", health), path("whoami", whoami), path("orders", orders)]
