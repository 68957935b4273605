"""Not loadable: a package that is not in requirements.txt."""

import no_such_package  # noqa: F401 - the point
