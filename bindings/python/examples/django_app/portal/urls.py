from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from portal import views

urlpatterns = [
    path("", views.invoices, name="invoices"),
    path("invoices/<uuid:pk>/", views.invoice, name="invoice"),
    path("invoices/<uuid:pk>/pay/", views.pay, name="pay"),
    path("second-factor/", views.confirm, name="second-factor"),
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
]
handler403 = "portal.views.refused"
