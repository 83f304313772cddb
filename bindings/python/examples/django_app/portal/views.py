from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from doorward import Denied
from doorward.django import open_to_all, require
from portal.models import Invoice


@login_required
def invoices(request: HttpRequest) -> HttpResponse:
    visible = Invoice.objects.visible_to(request.user).select_related("client").order_by("title")
    return render(request, "portal/invoices.html", {"invoices": visible})


@login_required
def invoice(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = get_object_or_404(Invoice.objects.visible_to(request.user), pk=pk)
    return render(request, "portal/invoice.html", {"invoice": found})


@login_required
@require_POST
def pay(request: HttpRequest, pk: UUID) -> HttpResponse:
    found = get_object_or_404(Invoice, pk=pk)
    require(request, "pay", found)
    found.state = Invoice.State.PAID
    found.save(update_fields=["state"])
    return redirect("invoice", pk=pk)


@login_required
@require_POST
@open_to_all
def confirm(request: HttpRequest) -> HttpResponse:
    """Stands for a second factor: a real one asks for something here."""
    request.session["second_factor"] = True
    return redirect("invoices")


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Tells somebody who may view what he may not do with it, what it would take."""
    cause = exception.__cause__
    step_up = cause.decision.step_up if isinstance(cause, Denied) else None
    return render(request, "portal/refused.html", {"step_up": step_up}, status=403)
