"""Sending mail by the operator's server: the one place that speaks SMTP."""

import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Final

from service.settings import Settings

PATIENCE: Final = 20.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailer:
    """A server that takes our mail.

    Attributes:
        security: `starttls`, `tls` from the first octet, or `none` within one's own walls.
        user: by which we log in; "" for a server that asks for none.
        sender: the address that mail comes from.
    """

    host: str
    port: int
    security: str
    user: str
    password: str
    sender: str

    def send(self, address: str, subject: str, text: str, *, now: datetime) -> tuple[bool, str]:
        """Hand one mail to the server; return whether it took it, and what it said."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, address, subject
        message["Date"] = format_datetime(now)
        message["Message-ID"] = make_msgid(domain=self.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        try:
            self._hand_over(message)
        except (smtplib.SMTPException, OSError) as error:
            return False, f"{type(error).__name__}: {error}"
        return True, "taken"

    def _hand_over(self, message: EmailMessage) -> None:
        context = ssl.create_default_context()
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=PATIENCE, context=context
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=PATIENCE)
        with server:
            if self.security == "starttls":
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password)
            server.send_message(message)


def open_mailer(settings: Settings) -> Mailer | None:
    """Return the server of the settings; None where none is named: nothing is mailed then."""
    if not settings.smtp_host:
        return None
    return Mailer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=settings.smtp_password.get_secret_value(),
        sender=settings.smtp_sender,
    )
