"""MySQL and MariaDB as storage backends."""
