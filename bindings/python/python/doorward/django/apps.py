"""The app that a host installs: ``"doorward.django"``."""

from django.apps import AppConfig

__all__ = ["DoorwardConfig"]


class DoorwardConfig(AppConfig):
    name = "doorward.django"
    label = "doorward"
    verbose_name = "Doorward"

    def ready(self) -> None:
        from django.core import checks

        from doorward.django.checks import check_access

        checks.register(check_access, checks.Tags.security)
