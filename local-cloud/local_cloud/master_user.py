"""The master user of an instance or a cluster, and who keeps its password."""

import json
import secrets
import string
import uuid

from moto.rds import models
from psycopg import sql

from .postgres import Server


class MasterUserSecret(models.MasterUserSecret):
    """The secret that RDS keeps for the master user; moto's holds a user and a password of moto's invention."""

    def _generate_secret_string(self) -> str:
        self.password = _new_password()
        return json.dumps({"username": self.resource.master_username, "password": self.password})

    def _generate_secret_description(self) -> str:
        kind = "cluster" if self.resource.resource_type == "cluster" else "instance"
        return f"The secret associated with the primary RDS DB {kind}: {self.resource.arn}"

    def _generate_secret_tags(self) -> list[dict[str, str]]:
        kind = "DBCluster" if self.resource.resource_type == "cluster" else "DBInstance"
        return [{"Key": f"aws:rds:primary{kind}Arn", "Value": self.resource.arn}]

    def rotate(self) -> str:
        self.secretsmanager.update_secret(self.secret.arn, secret_string=self._generate_secret_string(), client_request_token=str(uuid.uuid4()))
        return self.password


def _new_password() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(28))


class HasMasterUser:
    """What an instance and a cluster have in common: a master user on a server."""

    server: Server | None
    master_username: str
    manage_master_user_password: bool

    def make_master_user(self, password: str, database: str | None) -> None:
        """Give the master user what RDS gives it, and its database."""
        name = sql.Identifier(self.master_username)
        statements = [
            sql.SQL("create role {} login createdb createrole password {} valid until 'infinity'").format(name, sql.Literal(password)),
            sql.SQL("grant rds_superuser to {} with admin option").format(name),
            sql.SQL("alter database postgres owner to {}").format(name),
            sql.SQL("alter database template1 owner to {}").format(name),
        ]
        if database and database != "postgres":
            statements.append(sql.SQL("create database {} owner {}").format(sql.Identifier(database), name))
        with self.server.connect() as session:
            for statement in statements:
                session.execute(statement)

    def set_master_password(self, password: str) -> None:
        statement = sql.SQL("alter role {} password {}")
        with self.server.connect() as session:
            session.execute(statement.format(sql.Identifier(self.master_username), sql.Literal(password)))

    def manage_password(self, kms_key_id: str | None) -> str:
        """Have Secrets Manager keep the master password from now on; the password that it keeps."""
        self.master_user_secret = MasterUserSecret(self, kms_key_id)
        self.manage_master_user_password = True
        return self.master_user_secret.password

    def give_up_managed_password(self) -> None:
        if self.manage_master_user_password:
            self.master_user_secret.delete_secret()
            del self.master_user_secret
            self.manage_master_user_password = False
