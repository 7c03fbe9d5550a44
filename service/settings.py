"""Settings, read once from the environment (`SUYUAN_*`)."""

from datetime import date
from pathlib import Path
from typing import Literal
from uuid import UUID

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an operator may change without touching the code.

    Attributes:
        database_url: of the application; on PostgreSQL as the role suyuan_app.
        owner_database_url: of the owner of the tables, who migrates and creates organizations.
        lookup_key_file: the secret of the certificate directory; made at first start.
        key_folder: where the keys of the organizations' seals lie.
        key_passphrase: with which their private keys are encrypted; empty, they lie plain.
        pkcs11_module, pkcs11_token, pkcs11_pin: the token in which new keys are made, by the path
            of its maker's library, its label and its PIN.
        dcc_schema_dir: PTB's schemas of the DCC, as `suyuan certificate fetch-schema` lays them
            out; a certificate that they refuse is not issued, and what they find wrong with a
            received one is told.
        offer_drmd: whether reference-material certificates are told as DRMD too, whose schema is
            still a draft.
        public_url: under which people reach the service; certificates print it.
        requests_a_minute: of one key or log-in; of one address five times as many.
        oidc_issuer: the identity provider at which people may log in; with the two below.
        oidc_client_id: as which the provider knows this service.
        oidc_client_secret: by which it proves that.
        reachable: `host:port` that webhooks and pulls may reach though they are not on the public
            internet, such as the plant's own asset system; a JSON list.
        smtp_host: the server that takes our mail; nothing is mailed where none is named.
        smtp_port: of that server.
        smtp_security: `starttls`, `tls` from the first octet, or `none` within one's own walls.
        smtp_user: by which we log in to it; none where it asks for none.
        smtp_password: by which it knows us.
        smtp_sender: the address that mail comes from.
        worker_in_process: whether `serve` also does what is due; `suyuan work` does it elsewhere.
        demonstration_person: as whom the demonstration acts until somebody chooses another; its
            presence is what makes a service a demonstration.
        demonstration_today: the day on which a demonstration stands.
    """

    model_config = SettingsConfigDict(env_prefix="SUYUAN_")

    database_url: str = "sqlite:///suyuan.db"
    owner_database_url: str | None = None
    lookup_key_file: Path = Path("suyuan.lookup-key")
    key_folder: Path = Path("suyuan.keys")
    key_passphrase: SecretStr = SecretStr("")
    pkcs11_module: Path | None = None
    pkcs11_token: str = "suyuan"  # noqa: S105 (its label)
    pkcs11_pin: SecretStr = SecretStr("")
    dcc_schema_dir: Path | None = None
    offer_drmd: bool = False
    public_url: str = "http://127.0.0.1:8000"
    requests_a_minute: int = 1200
    oidc_issuer: str | None = None
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    reachable: tuple[str, ...] = ()
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_sender: str = "suyuan@localhost"
    worker_in_process: bool = True
    demonstration_person: UUID | None = None
    demonstration_organization: UUID | None = None
    demonstration_today: date | None = None

    @property
    def owner_url(self) -> str:
        """The owner's URL: on SQLite, where a file has no roles, the application's."""
        return self.owner_database_url or self.database_url
