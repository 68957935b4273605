"""The evidence page: one self-contained HTML file of an episode. Import it where it is shown."""

from detector.page.render import CONTENT_SECURITY_POLICY, render_page

__all__ = ["CONTENT_SECURITY_POLICY", "render_page"]
