"""The scripts of infra/scripts are imported as they run: from their own folder."""

import sys

from tests.infra.support.paths import SCRIPTS

sys.path.insert(0, str(SCRIPTS))
