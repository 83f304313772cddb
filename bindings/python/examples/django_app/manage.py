"""An invoice portal. From this folder::

    python manage.py migrate
    python manage.py seed
    python manage.py runserver

Then sign in as ``ada``, ``bob`` or ``cleo`` with the password ``portal``. ``DATABASE_URL`` names a
PostgreSQL database to use, as in ``postgresql://user:password@localhost/portal``, in place of SQLite.
"""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
    execute_from_command_line(sys.argv)
