/**
 * Schemas that were not made for Treadle, rebuilt: names, types, keys, indexes, triggers and views are theirs, the rows
 * are not.
 *
 * - Sakila for SQLite, a port of MySQL's Sakila (Mike Hillyer). BSD licence, copyright DB Software Laboratory,
 *   http://www.etl-tools.com; https://github.com/jOOQ/sakila, sqlite-sakila-db/sqlite-sakila-schema.sql. What payments
 *   need is left out, and `film_text`, the one table without triggers on its row id, is WITHOUT ROWID.
 * - `Customers` of Northwind for SQLite, whose key is a text that may be null. MIT licence,
 *   https://github.com/jpwhite3/northwind-SQLite3, src/create.sql.
 */
import Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import { temporaryPath } from './memories.js';

const FILM_TEXT = 'title VARCHAR(255) NOT NULL, description BLOB SUB_TYPE TEXT';

/** Columns by table, without `last_update`, which all but `film_text` and `Customers` have. */
const STAMPED: Readonly<Record<string, readonly string[]>> = {
  actor: ['actor_id INTEGER NOT NULL', 'first_name VARCHAR(45) NOT NULL', 'last_name VARCHAR(45) NOT NULL'],
  country: ['country_id INTEGER NOT NULL', 'country VARCHAR(50) NOT NULL'],
  city: ['city_id INTEGER NOT NULL', 'city VARCHAR(50) NOT NULL', 'country_id INT NOT NULL'],
  address: [
    'address_id INTEGER NOT NULL',
    'address VARCHAR(50) NOT NULL',
    'address2 VARCHAR(50) DEFAULT NULL',
    'district VARCHAR(20) NOT NULL',
    'city_id INT NOT NULL',
    'postal_code VARCHAR(10) DEFAULT NULL',
    'phone VARCHAR(20) NOT NULL',
  ],
  language: ['language_id INTEGER NOT NULL', 'name CHAR(20) NOT NULL'],
  category: ['category_id INTEGER NOT NULL', 'name VARCHAR(25) NOT NULL'],
  customer: [
    'customer_id INTEGER NOT NULL',
    'store_id INT NOT NULL',
    'first_name VARCHAR(45) NOT NULL',
    'last_name VARCHAR(45) NOT NULL',
    'email VARCHAR(50) DEFAULT NULL',
    'address_id INT NOT NULL',
    `active CHAR(1) DEFAULT 'Y' NOT NULL`,
    'create_date TIMESTAMP NOT NULL',
  ],
  film: [
    'film_id INTEGER NOT NULL',
    `${FILM_TEXT} DEFAULT NULL`,
    'release_year VARCHAR(4) DEFAULT NULL',
    'language_id INT NOT NULL',
    'original_language_id INT DEFAULT NULL',
    'rental_duration SMALLINT DEFAULT 3 NOT NULL',
    'rental_rate DECIMAL(4,2) DEFAULT 4.99 NOT NULL',
    'length SMALLINT DEFAULT NULL',
    'replacement_cost DECIMAL(5,2) DEFAULT 19.99 NOT NULL',
    `rating VARCHAR(10) DEFAULT 'G'`,
    'special_features VARCHAR(100) DEFAULT NULL',
  ],
  film_actor: ['actor_id INT NOT NULL', 'film_id INT NOT NULL'],
  film_category: ['film_id INT NOT NULL', 'category_id INT NOT NULL'],
  inventory: ['inventory_id INTEGER NOT NULL', 'film_id INT NOT NULL', 'store_id INT NOT NULL'],
  staff: [
    'staff_id INTEGER NOT NULL',
    'first_name VARCHAR(45) NOT NULL',
    'last_name VARCHAR(45) NOT NULL',
    'address_id INT NOT NULL',
    'picture BLOB DEFAULT NULL',
    'email VARCHAR(50) DEFAULT NULL',
    'store_id INT NOT NULL',
    'active SMALLINT DEFAULT 1 NOT NULL',
    'username VARCHAR(16) NOT NULL',
    'password VARCHAR(40) DEFAULT NULL',
  ],
  store: ['store_id INTEGER NOT NULL', 'manager_staff_id INT NOT NULL', 'address_id INT NOT NULL'],
  rental: [
    'rental_id INTEGER NOT NULL',
    'rental_date TIMESTAMP NOT NULL',
    'inventory_id INT NOT NULL',
    'customer_id INT NOT NULL',
    'return_date TIMESTAMP DEFAULT NULL',
    'staff_id INT NOT NULL',
  ],
};

const KEYS: Readonly<Record<string, string>> = {
  film_actor: 'actor_id, film_id',
  film_category: 'film_id, category_id',
};

const CHECKS: Readonly<Record<string, readonly string[]>> = {
  film: [
    `CONSTRAINT CHECK_special_features CHECK (special_features IS NULL OR ${['Trailers', 'Commentaries', 'Deleted Scenes', 'Behind the Scenes'].map((feature) => `special_features LIKE '%${feature}%'`).join(' OR ')})`,
    `CONSTRAINT CHECK_special_rating CHECK (rating IN ('G', 'PG', 'PG-13', 'R', 'NC-17'))`,
  ],
};

const CASCADE = ' ON DELETE NO ACTION ON UPDATE CASCADE';
/** table, its constraint, column, the table it refers to, what follows */
const REFERENCES: readonly (readonly [string, string, string, string, string])[] = [
  ['city', 'fk_city_country', 'country_id', 'country', CASCADE],
  ['address', 'fk_address_city', 'city_id', 'city', CASCADE],
  ['customer', 'fk_customer_store', 'store_id', 'store', CASCADE],
  ['customer', 'fk_customer_address', 'address_id', 'address', CASCADE],
  ['film', 'fk_film_language', 'language_id', 'language', ''],
  ['film', 'fk_film_language_original', 'original_language_id', 'language', ''],
  ['film_actor', 'fk_film_actor_actor', 'actor_id', 'actor', CASCADE],
  ['film_actor', 'fk_film_actor_film', 'film_id', 'film', CASCADE],
  ['film_category', 'fk_film_category_film', 'film_id', 'film', CASCADE],
  ['film_category', 'fk_film_category_category', 'category_id', 'category', CASCADE],
  ['inventory', 'fk_inventory_store', 'store_id', 'store', CASCADE],
  ['inventory', 'fk_inventory_film', 'film_id', 'film', CASCADE],
  ['staff', 'fk_staff_store', 'store_id', 'store', CASCADE],
  ['staff', 'fk_staff_address', 'address_id', 'address', CASCADE],
  ['store', 'fk_store_staff', 'manager_staff_id', 'staff', ''],
  ['store', 'fk_store_address', 'address_id', 'address', ''],
  ['rental', 'fk_rental_staff', 'staff_id', 'staff', ''],
  ['rental', 'fk_rental_inventory', 'inventory_id', 'inventory', ''],
  ['rental', 'fk_rental_customer', 'customer_id', 'customer', ''],
];

const INDEXES: readonly (readonly [name: string, on: string])[] = [
  ['idx_actor_last_name', 'actor (last_name)'],
  ['idx_fk_country_id', 'city (country_id)'],
  ['idx_fk_city_id', 'address (city_id)'],
  ['idx_customer_fk_store_id', 'customer (store_id)'],
  ['idx_customer_fk_address_id', 'customer (address_id)'],
  ['idx_customer_last_name', 'customer (last_name)'],
  ['idx_fk_language_id', 'film (language_id)'],
  ['idx_fk_original_language_id', 'film (original_language_id)'],
  ['idx_fk_film_actor_film', 'film_actor (film_id)'],
  ['idx_fk_film_category_category', 'film_category (category_id)'],
  ['idx_fk_film_id_store_id', 'inventory (store_id, film_id)'],
  ['idx_rental_fk_customer_id', 'rental (customer_id)'],
];

const VIEWS = `
  CREATE VIEW customer_list AS
    SELECT cu.customer_id AS ID, cu.first_name || ' ' || cu.last_name AS name, a.address AS address,
      a.postal_code AS zip_code, a.phone AS phone, city.city AS city, country.country AS country,
      CASE WHEN cu.active = 1 THEN 'active' ELSE '' END AS notes, cu.store_id AS SID
    FROM customer AS cu JOIN address AS a ON cu.address_id = a.address_id JOIN city ON a.city_id = city.city_id
      JOIN country ON city.country_id = country.country_id;
  CREATE VIEW film_list AS
    SELECT film.film_id AS FID, film.title AS title, film.description AS description, category.name AS category,
      film.rental_rate AS price, film.length AS length, film.rating AS rating,
      actor.first_name || ' ' || actor.last_name AS actors
    FROM category LEFT JOIN film_category ON category.category_id = film_category.category_id
      LEFT JOIN film ON film_category.film_id = film.film_id JOIN film_actor ON film.film_id = film_actor.film_id
      JOIN actor ON film_actor.actor_id = actor.actor_id`;

const NORTHWIND_COLUMNS = 'CompanyName ContactName ContactTitle Address City Region PostalCode Country Phone Fax'.split(
  ' ',
);

/** The rows of each table that tests work on; those that they refer to are fewer. */
export const ROWS = 240;

/**
 * A database of both schemas with rows in it, and a connection as an application has it, closed when the test ends. It
 * does not wait where the database is locked: in the same thread it would wait in vain.
 */
export function sampleDatabase(): { path: string; db: Database.Database } {
  const path = temporaryPath();
  const db = new Database(path, { timeout: 0 });
  onTestFinished(() => void db.close());
  createSchema(db);
  db.transaction(() => fill(db))();
  return { path, db };
}

/** What is in the schema, apart from what has a name that begins with one of `ours`. */
export function schemaOf(db: Database.Database, ours: readonly string[] = []): unknown[] {
  const all = db.prepare(`SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name`).all();
  const apart = ['treadle_', 'sqlite_', ...ours];
  return (all as { name: string }[]).filter(({ name }) => !apart.some((prefix) => name.startsWith(prefix)));
}

function createSchema(db: Database.Database): void {
  for (const [table, columns] of Object.entries(STAMPED)) {
    const key = KEYS[table] ?? columns[0]?.split(' ')[0];
    const references = REFERENCES.filter(([from]) => from === table).map(
      ([, name, column, to, rest]) => `CONSTRAINT ${name} FOREIGN KEY (${column}) REFERENCES ${to} (${to}_id)${rest}`,
    );
    const stamp = `last_update TIMESTAMP${table === 'country' ? '' : ' NOT NULL'}`;
    const parts = [...columns, stamp, `PRIMARY KEY (${key})`, ...(CHECKS[table] ?? []), ...references];
    db.exec(`CREATE TABLE ${table} (${parts.join(', ')})`);
    for (const [suffix, event] of [['ai', 'INSERT'] as const, ['au', 'UPDATE'] as const]) {
      db.exec(
        `CREATE TRIGGER ${table}_trigger_${suffix} AFTER ${event} ON ${table}
         BEGIN UPDATE ${table} SET last_update = DATETIME('NOW') WHERE rowid = new.rowid; END`,
      );
    }
  }
  db.exec(`CREATE TABLE film_text (film_id INTEGER NOT NULL, ${FILM_TEXT}, PRIMARY KEY (film_id)) WITHOUT ROWID`);
  for (const [name, on] of INDEXES) db.exec(`CREATE INDEX ${name} ON ${on}`);
  db.exec('CREATE UNIQUE INDEX idx_rental_uq ON rental (rental_date, inventory_id, customer_id)');
  db.exec(VIEWS);
  const columns = NORTHWIND_COLUMNS.map((name) => `[${name}] TEXT`);
  db.exec(`CREATE TABLE [Customers] ([CustomerID] TEXT, ${columns.join(', ')}, PRIMARY KEY (\`CustomerID\`))`);
}

function fill(db: Database.Database): void {
  // Staff refer to their store, and a store to its manager.
  db.pragma('defer_foreign_keys = ON');
  const each = (count: number, sql: string, valuesOf: (n: number) => unknown[]): void => {
    const insert = db.prepare(sql);
    for (let n = 1; n <= count; n++) insert.run(...valuesOf(n));
  };
  each(3, `INSERT INTO language VALUES (?, ?, '')`, (n) => [n, `language${n}`]);
  each(4, `INSERT INTO category VALUES (?, ?, '')`, (n) => [n, `category${n}`]);
  each(2, `INSERT INTO country VALUES (?, ?, '')`, (n) => [n, `country${n}`]);
  each(3, `INSERT INTO city VALUES (?, ?, 1, '')`, (n) => [n, `city${n}`]);
  each(5, `INSERT INTO address VALUES (?, ?, NULL, 'district', 1, NULL, '555', '')`, (n) => [n, `${n} Main Street`]);
  each(2, `INSERT INTO store VALUES (?, ?, 1, '')`, (n) => [n, n]);
  each(2, `INSERT INTO staff VALUES (?, 'Mike', 'Hill', 1, NULL, NULL, ?, 1, ?, NULL, '')`, (n) => [n, n, `staff${n}`]);
  each(9, `INSERT INTO actor VALUES (?, ?, ?, '')`, (n) => [n, `PENELOPE${n}`, `GUINESS${n}`]);
  each(
    ROWS,
    `INSERT INTO film (film_id, title, description, language_id, rating, last_update) VALUES (?, ?, ?, ?, 'PG', '')`,
    (n) => [
      n,
      `ACADEMY${n} DINOSAUR`,
      n % 10 === 0 ? null : `An epic drama${n} of a feminist and a mad scientist in ${place(n)}`,
      (n % 3) + 1,
    ],
  );
  each(ROWS, 'INSERT INTO film_text VALUES (?, ?, ?)', (n) => [
    n * 7,
    `ACE${n} GOLDFINGER`,
    `A tale${n} of ${place(n)}`,
  ]);
  each(ROWS, `INSERT INTO film_actor VALUES (?, ?, '')`, (n) => [(n % 9) + 1, n]);
  each(ROWS, `INSERT INTO film_category VALUES (?, ?, '')`, (n) => [n, (n % 4) + 1]);
  each(ROWS, `INSERT INTO customer VALUES (?, ?, ?, ?, ?, 1, 'Y', ?, '')`, (n) => [
    n,
    (n % 2) + 1,
    `MARY${n}`,
    'SMITH',
    `mary${n}@example.org`,
    n % 4 === 0 ? '1999-01-01 00:00:00' : '2999-01-01 00:00:00',
  ]);
  each(20, `INSERT INTO inventory VALUES (?, ?, 1, '')`, (n) => [n, n]);
  each(ROWS, `INSERT INTO rental VALUES (?, ?, ?, ?, NULL, 1, '')`, (n) => [
    n,
    `2005-05-24 22:00:${n}`,
    (n % 20) + 1,
    (n % 5) * 2 + 1,
  ]);
  each(
    ROWS,
    `INSERT INTO Customers (CustomerID, CompanyName, ContactName, City, Country) VALUES (?, ?, ?, ?, ?)`,
    (n) => [
      n % 80 === 0 ? null : `CUST${String(n).padStart(3, '0')}`,
      `Alfreds${n} Futterkiste`,
      `Maria${n} Anders`,
      place(n),
      n % 3 === 0 ? 'Germany' : "Côte d'Ivoire",
    ],
  );
}

function place(n: number): string {
  return ['Berlin', 'the Canadian Rockies', 'a Baloon', 'Ancient Japan'][n % 4] as string;
}
